//! The stream of one connection. It ends when the connection is closed for another one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{Connection, Connections, millis_since};

/// The bytes of one client, below TLS.
pub struct ClientStream {
    tcp: TcpStream,
    /// Whether the client has sent anything.
    has_sent: bool,
    pub connection: Arc<Connection>,
    connections: Arc<Connections>,
}

impl ClientStream {
    /// A connection that was just accepted.
    pub fn new(tcp: TcpStream, connections: &Arc<Connections>) -> Self {
        Self {
            tcp,
            has_sent: false,
            connection: connections.open(),
            connections: connections.clone(),
        }
    }

    /// Whether the connection was closed; if not, its task is woken when that happens.
    fn is_closed(&self, context: &Context<'_>) -> bool {
        // In this order: a close between the two wakes the task.
        self.connection.task.register(context.waker());
        self.connection.is_closed()
    }

    /// Records whether the client has taken something of an answer. What it takes at once it gets, also
    /// after the connection was closed.
    fn wrote(
        &self,
        written: Poll<io::Result<usize>>,
        context: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.is_closed(context) && written.is_pending() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let connection = &self.connection;
        if written.is_ready() {
            let now = millis_since(connection.epoch);
            connection.took_at.store(now, Ordering::Relaxed);
        }
        (connection.is_writing).store(written.is_pending(), Ordering::Relaxed);
        written
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        self.connections.forget(&self.connection);
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_closed = self.is_closed(context);
        if is_closed && self.has_sent {
            // The end of the stream, as if the client had hung up.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(context, buffer);
        if !self.has_sent && buffer.filled().len() > before {
            self.has_sent = true;
            // From here on the handler needs a moment to take the request, in a rush of others.
            let now = millis_since(self.connection.epoch);
            (self.connection.waits_since).store(now, Ordering::Relaxed);
        }
        if !is_closed {
            return read;
        }
        // In a rush of new connections this one was closed before its task ran. If its request has arrived
        // meanwhile, as a webhook's does, it is answered.
        if self.has_sent {
            (self.connection.is_closed).store(false, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.wrote(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(context, bytes);
        self.wrote(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
