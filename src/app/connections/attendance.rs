//! While the server works on a request, its connection is attended.

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage};
use futures_util::{StreamExt, stream};

use super::{Connection, millis_since};

/// One request: attended from the end of its body to its answer, or to the end of a stream.
struct Attendance {
    connection: Arc<Connection>,
    has_begun: Cell<bool>,
}

impl Attendance {
    fn begin(&self) {
        if !self.has_begun.replace(true) {
            self.connection.attended.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        if self.has_begun.get() {
            let connection = &self.connection;
            let now = millis_since(connection.epoch);
            connection.waits_since.store(now, Ordering::Relaxed);
            connection.attended.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Attends the connection of each request: without a body at once, else as soon as the handler has read
/// all of it. A client that sends slowly is not attended, nor is one that reads its answer slowly, unless
/// that is a stream: a guest's or an operator's events.
pub async fn attend(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(connection) = request.conn_data::<Arc<Connection>>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let attendance = Rc::new(Attendance {
        connection,
        has_begun: Cell::new(false),
    });
    match request.take_payload() {
        Payload::None => attendance.begin(),
        payload => request.set_payload(when_read(payload, attendance.clone())),
    }
    let answer = next.call(request).await?.map_into_boxed_body();
    let answer = answer.map_body(|_, body| in_pieces(body));
    let is_stream = matches!(answer.response().body().size(), BodySize::Stream);
    if !is_stream {
        return Ok(answer);
    }
    Ok(answer.map_body(|_, body| {
        BoxBody::new(AttendedBody {
            body,
            _attendance: attendance,
        })
    }))
}

/// The library copies all that a body yields at a time into the memory of its connection, where it stays until
/// the client has read it. So a long body is yielded in pieces.
const PIECE: usize = 32 * 1024;

fn in_pieces(body: BoxBody) -> BoxBody {
    match body.size() {
        BodySize::Sized(length) if length > PIECE as u64 => body
            .try_into_bytes()
            .map_or_else(|body| body, |bytes| BoxBody::new(Pieces(bytes))),
        BodySize::None | BodySize::Sized(_) | BodySize::Stream => body,
    }
}

/// A body of known length.
struct Pieces(Bytes);

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let length = self.0.len().min(PIECE);
        Poll::Ready((length > 0).then(|| Ok(self.0.split_to(length))))
    }
}

/// Begins the attendance when the handler has read the whole body.
fn when_read(payload: Payload, attendance: Rc<Attendance>) -> Payload {
    let end = stream::poll_fn(move |_| {
        attendance.begin();
        Poll::Ready(None)
    });
    Payload::Stream {
        payload: Box::pin(payload.chain(end)),
    }
}

/// A stream, whose connection is attended to its end.
struct AttendedBody {
    body: BoxBody,
    _attendance: Rc<Attendance>,
}

impl MessageBody for AttendedBody {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_long_body_is_yielded_in_pieces_of_bounded_length() {
        let sent: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        let mut body = Box::pin(in_pieces(BoxBody::new(Bytes::from(sent.clone()))));
        assert!(matches!(body.size(), BodySize::Sized(100_000)));

        let (mut taken, mut longest) = (Vec::new(), 0);
        while let Some(piece) =
            std::future::poll_fn(|context| body.as_mut().poll_next(context)).await
        {
            let piece = piece.unwrap();
            longest = longest.max(piece.len());
            taken.extend_from_slice(&piece);
        }

        assert!(longest <= PIECE && taken == sent, "{longest}");
        assert!(matches!(
            in_pieces(BoxBody::new(())).size(),
            BodySize::Sized(0)
        ));
    }
}
