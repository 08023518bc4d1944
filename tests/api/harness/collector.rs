//! A collector of traces: accepts OTLP over HTTP and keeps what it receives.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// The collector; it keeps the received bytes.
#[derive(Clone)]
pub struct Collector {
    pub url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            bodies: Arc::default(),
        };
        let keeper = collector.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let keeper = keeper.clone();
                // The thread ends with its connection.
                std::thread::spawn(move || while keeper.take(&stream).is_some() {});
            }
        });
        collector
    }

    /// Reads one request; `None` when the connection ends.
    fn take(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut path, mut length) = (String::new(), 0);
        reader.read_line(&mut path).ok().filter(|read| *read > 0)?;
        assert!(path.starts_with("POST /v1/traces "), "{path}");
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            assert!(!line.starts_with("content-type:") || line.ends_with("application/x-protobuf"));
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        self.bodies.lock().unwrap().push(body);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .ok()
    }

    /// All received bytes, as lossy text.
    pub fn text(&self) -> String {
        let bodies = self.bodies.lock().unwrap();
        String::from_utf8_lossy(&bodies.concat()).into_owned()
    }

    pub fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies.lock().unwrap();
        let spans = bodies.iter().flat_map(|body| {
            let sent = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            let scopes = sent
                .resource_spans
                .into_iter()
                .flat_map(|it| it.scope_spans);
            scopes.flat_map(|it| it.spans)
        });
        spans.collect()
    }
}

/// The text of an attribute.
pub fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|it| it.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}
