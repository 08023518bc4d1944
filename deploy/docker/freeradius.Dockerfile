# Debian's FreeRADIUS with the configuration of deploy/freeradius; settings.conf is mounted.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends freeradius freeradius-postgresql \
    && rm -rf /var/lib/apt/lists/*
COPY --chown=freerad:freerad deploy/freeradius/*.conf /etc/freeradius/malipo/
USER freerad
EXPOSE 1812/udp 1813/udp
ENTRYPOINT ["freeradius", "-f", "-l", "stdout", "-d", "/etc/freeradius/malipo"]
