//! The nginx of `deploy/nginx`, in front of three processes.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::cluster::free_port;

const SHIPPED: &str = include_str!("../../../deploy/nginx/malipo.conf");
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

/// nginx; stopped when dropped.
pub struct Front {
    nginx: Child,
    pub base: String,
    _folder: TempDir,
}

impl Front {
    /// In front of three processes, by their ports.
    pub fn before(ports: [u16; 3]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().display();
        // Its workers run as another user.
        super::cluster::run(Command::new("chmod").arg("755").arg(folder.path()));
        let port = free_port();
        let mut site: String = SHIPPED
            .lines()
            .filter(|line| !line.trim().starts_with("ssl_certificate"))
            .map(|line| format!("{line}\n"))
            .collect();
        let [one, two, three] = ports;
        for (shipped, here) in [
            ("listen 443 ssl;", format!("listen 127.0.0.1:{port};")),
            ("listen 80;", format!("listen 127.0.0.1:{};", free_port())),
            ("/var/log/nginx/", format!("{path}/")),
            ("127.0.0.1:8081", format!("127.0.0.1:{one}")),
            ("127.0.0.1:8082", format!("127.0.0.1:{two}")),
            ("127.0.0.1:8083", format!("127.0.0.1:{three}")),
        ] {
            assert!(site.contains(shipped), "deploy/nginx has no {shipped}");
            site = site.replace(shipped, &here);
        }
        let places: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
            .concat();
        let config = format!(
            "pid {path}/pid;\nerror_log {path}/error;\nworker_processes 2;\n\
             events {{ worker_connections 4096; }}\nhttp {{\n{places}{site}}}\n"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config).unwrap();
        let nginx = Command::new("nginx")
            .env(
                "PATH",
                "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
            )
            .arg("-c")
            .arg(file)
            .arg("-e")
            .arg(folder.path().join("error"))
            .args(["-g", "daemon off;"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx is not installed");
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < GIVE_UP_AFTER, "nginx does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            nginx,
            base: format!("http://127.0.0.1:{port}"),
            _folder: folder,
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let pid = self.nginx.id().to_string();
        // Its workers end with it only after an orderly signal.
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.nginx.wait();
    }
}
