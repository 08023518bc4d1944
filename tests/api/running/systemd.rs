//! `Type=notify`: systemd is notified when the server really serves, and when it stops.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::process::Process;
use crate::harness::{Kind, TestDatabase, http_client};

/// Longer than any start on a busy machine.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

#[actix_web::test]
async fn systemd_is_notified_when_the_server_serves_and_when_it_stops() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(GIVE_UP_AFTER)).unwrap();
    let notified = || {
        let mut buffer = [0; 256];
        let length = systemd.recv(&mut buffer).expect("systemd was not notified");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let database = TestDatabase::create(Kind::Sqlite).await;

    let settings = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let mut process = Process::serve(&database.url, &settings);
    let ready = notified();
    let live = http_client().get(format!("{}/health/ready", process.base));
    let answered = live.send().await.unwrap().status();
    process.signal("-TERM");
    let stopping = notified();

    assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    assert_eq!(answered, 200);
    assert!(
        stopping.lines().any(|line| line == "STOPPING=1"),
        "{stopping}"
    );
    assert_eq!(process.wait(), Some(0));
}

#[test]
fn the_unit_limits_what_the_server_may_take_of_the_machine() {
    let unit = include_str!("../../../deploy/systemd/malipo.service");

    for key in ["MemoryMax", "LimitNOFILE", "TasksMax"] {
        let mut values = unit.lines().filter_map(|line| line.split_once('='));
        let value = values
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value);
        let is_limit = value.is_some_and(|value| value.starts_with(|c: char| c.is_ascii_digit()));
        assert!(is_limit, "{key} is {value:?}");
    }
}
