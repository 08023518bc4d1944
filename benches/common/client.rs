//! An HTTP client with little overhead, because it shares the machine with the server that it measures.
//! Requests are bytes, connections are kept alive, and one thread drives them all.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use super::Outcome;

/// Bytes per read.
const PIECE: usize = 4096;
/// Largest latency that the histogram records, in microseconds.
const LONGEST: u64 = 120_000_000;

/// A keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
}

/// A response.
pub struct Reply<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

/// The result of one turn of a run.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub number: u32,
    /// HTTP status code.
    pub status: u16,
    /// Latency.
    pub took: Duration,
}

/// The results of one run.
pub struct Answers {
    /// In microseconds.
    pub latency: Histogram<u64>,
    /// When the first request was sent, or was scheduled.
    pub began: Instant,
    /// From the first request to the last response.
    pub took: Duration,
    /// CPU time of the server, the client and everything else, in microseconds per turn, if it was
    /// measured.
    pub spent: Option<[f64; 3]>,
    pub turns: Vec<Turn>,
}

impl Reply<'_> {
    /// Returns the value of a member of the JSON body, if it is a string without escapes.
    pub fn member(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(self.body).ok()?;
        let rest = text.split_once(&format!("\"{name}\":\""))?.1;
        rest.split('"').next()
    }
}

impl Connection {
    /// Connects to a server.
    ///
    /// # Errors
    /// If the connection fails.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            inbox: Vec::new(),
        })
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// If the connection breaks, or the response is not HTTP/1.1 with a `Content-Length`.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Reply<'_>> {
        self.send(request).await?;
        self.receive().await
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&mut self, mut request: &[u8]) -> io::Result<()> {
        self.inbox.clear();
        while !request.is_empty() {
            match self.stream.try_write(request) {
                Ok(written) => request = &request[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads one whole response.
    ///
    /// # Errors
    /// If the connection breaks, or the response is not HTTP/1.1 with a `Content-Length`.
    pub async fn receive(&mut self) -> io::Result<Reply<'_>> {
        let (status, body) = loop {
            if let Some(whole) = whole_answer(&self.inbox)? {
                break whole;
            }
            self.read_more().await?;
        };
        Ok(Reply {
            status,
            body: &self.inbox[body],
        })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        let mut piece = [0; PIECE];
        let mut buffer = ReadBuf::new(&mut piece);
        poll_fn(|context| Pin::new(&mut self.stream).poll_read(context, &mut buffer)).await?;
        if buffer.filled().is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.inbox.extend_from_slice(buffer.filled());
        Ok(())
    }
}

/// The status and the range of the body, if the response is complete.
fn whole_answer(inbox: &[u8]) -> io::Result<Option<(u16, Range<usize>)>> {
    let Some(end) = inbox.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let strange = || io::Error::other("not a response with a Content-Length");
    let head = std::str::from_utf8(&inbox[..end]).map_err(|_| strange())?;
    let status = head.get(9..12).and_then(|digits| digits.parse().ok());
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let (status, length) = status.zip(length).ok_or_else(strange)?;
    let body = end + 4..end + 4 + length;
    Ok((inbox.len() >= body.end).then_some((status, body)))
}

/// A new histogram of microseconds.
pub fn microseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("these bounds are in order")
}

/// A percentile in milliseconds.
pub fn millis(latency: &Histogram<u64>, percentile: f64) -> f64 {
    latency.value_at_percentile(percentile) as f64 / 1_000.0
}

impl Answers {
    /// Empty results.
    pub fn none() -> Self {
        Self {
            latency: microseconds(),
            began: Instant::now(),
            took: Duration::ZERO,
            spent: None,
            turns: Vec::new(),
        }
    }

    /// Records one response.
    pub fn note(&mut self, number: u32, status: u16, took: Duration) {
        self.latency
            .saturating_record(took.as_micros().try_into().unwrap_or(LONGEST));
        self.turns.push(Turn {
            number,
            status,
            took,
        });
    }

    /// The scheduled time of a turn of an open loop.
    pub fn due(&self, number: u32, a_second: f64) -> Instant {
        self.began + Duration::from_secs_f64(f64::from(number) / a_second)
    }

    /// Responses with status 200 per second.
    pub fn rate(&self) -> f64 {
        let good = self.turns.iter().filter(|turn| turn.status == 200).count();
        good as f64 / self.took.as_secs_f64()
    }

    /// The number of responses with another status than 200.
    pub fn refused(&self) -> usize {
        self.turns.iter().filter(|turn| turn.status != 200).count()
    }
}

/// When a closed loop ends.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    /// No turn begins after this time.
    pub seconds: f64,
    /// Maximum number of turns.
    pub turns: usize,
}

/// Runs a closed loop: each connection sends its next request when the previous one is answered. `write`
/// appends the request of a turn. Turns are numbered from 0 in the order in which they begin.
///
/// # Errors
/// When a connection breaks.
pub fn closed_loop(
    address: SocketAddr,
    connections: usize,
    until: Until,
    write: &dyn Fn(u32, &mut Vec<u8>),
) -> Outcome<Answers> {
    let one_request = async |connection: &mut Connection, turn, request: &mut Vec<u8>| {
        write(turn, request);
        Ok(connection.exchange(request).await?.status)
    };
    closed_loop_of(address, connections, until, &one_request)
}

/// Like [`closed_loop`], but a turn may be several requests. `take` runs a turn and returns its last
/// status. Its buffer is for requests and is empty when a turn begins.
///
/// # Errors
/// When a turn fails.
pub fn closed_loop_of(
    address: SocketAddr,
    connections: usize,
    until: Until,
    take: &impl AsyncFn(&mut Connection, u32, &mut Vec<u8>) -> io::Result<u16>,
) -> Outcome<Answers> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut ready = Vec::new();
        for _ in 0..connections {
            ready.push(Connection::open(address).await?);
        }
        let answers = Rc::new(RefCell::new(Answers::none()));
        let next = Rc::new(Cell::new(0));
        let began = Instant::now();
        let loops = ready.into_iter().map(|mut connection| {
            let (answers, next) = (answers.clone(), next.clone());
            async move {
                let mut request = Vec::new();
                while (next.get() as usize) < until.turns
                    && began.elapsed().as_secs_f64() < until.seconds
                {
                    let turn = next.replace(next.get() + 1);
                    request.clear();
                    let began = Instant::now();
                    let status = take(&mut connection, turn, &mut request).await?;
                    answers.borrow_mut().note(turn, status, began.elapsed());
                }
                io::Result::Ok(())
            }
        });
        try_join_all(loops).await?;
        let mut answers = answers.replace(Answers::none());
        (answers.began, answers.took) = (began, began.elapsed());
        Ok(answers)
    })
}
