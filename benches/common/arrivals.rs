//! Open-loop load: requests are sent at a fixed rate, whether or not earlier ones have been answered.
//! Latency counts from the scheduled time of a request, so that a stalled server cannot hide its delay
//! (no coordinated omission).

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::LocalSet;

use super::Outcome;
use super::client::{Answers, Connection};

/// The number of a request and its scheduled time.
pub type Intended = (u32, Instant);

/// Schedules requests at a fixed rate, from a thread of its own: the runtime's timer has a resolution of
/// one millisecond, which is half of what is measured.
pub fn clockwork(began: Instant, a_second: f64, turns: u32) -> UnboundedReceiver<Intended> {
    let (sender, receiver) = unbounded_channel();
    thread::spawn(move || {
        for turn in 0..turns {
            let due = began + Duration::from_secs_f64(f64::from(turn) / a_second);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if sender.send((turn, due)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Sends `turns` requests at a fixed rate, on as many connections as necessary.
///
/// # Errors
/// When a connection breaks.
pub fn open_arrivals(
    address: SocketAddr,
    a_second: f64,
    turns: u32,
    write: &dyn Fn(u32, &mut Vec<u8>),
) -> Outcome<Answers> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let idle = Rc::new(RefCell::new(Vec::<Connection>::new()));
    let answers = Rc::new(RefCell::new(Answers::none()));
    let broken = Rc::new(Cell::new(0_u32));
    let local = LocalSet::new();
    let began = Instant::now();
    runtime.block_on(local.run_until(async {
        let mut clock = clockwork(began, a_second, turns);
        let mut under_way = Vec::new();
        while let Some((turn, intended)) = clock.recv().await {
            let mut request = Vec::new();
            write(turn, &mut request);
            let (idle, answers, broken) = (idle.clone(), answers.clone(), broken.clone());
            under_way.push(tokio::task::spawn_local(async move {
                let kept = idle.borrow_mut().pop();
                let answered = async {
                    let mut connection = match kept {
                        Some(connection) => connection,
                        None => Connection::open(address).await?,
                    };
                    let status = connection.exchange(&request).await?.status;
                    std::io::Result::Ok((status, connection))
                };
                match answered.await {
                    Ok((status, connection)) => {
                        answers.borrow_mut().note(turn, status, intended.elapsed());
                        idle.borrow_mut().push(connection);
                    }
                    Err(_) => broken.set(broken.get() + 1),
                }
            }));
        }
        for task in under_way {
            task.await?;
        }
        Outcome::Ok(())
    }))?;
    if broken.get() > 0 {
        return Err(format!("{} connections broke", broken.get()).into());
    }
    let mut answers = answers.replace(Answers::none());
    (answers.began, answers.took) = (began, began.elapsed());
    Ok(answers)
}
