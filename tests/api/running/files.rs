//! SQLite's files contain every guest's phone and code: other users of the machine can read none of
//! them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::command_line::{code, text};
use crate::harness::process::{Process, malipo};
use crate::harness::{Kind, TestDatabase};

/// The database, its WAL, the WAL's index, and the lock.
const FILES: [&str; 4] = ["", "-wal", "-shm", ".lock"];

fn url(folder: &Path) -> String {
    format!("sqlite://{}/shop.db?mode=rwc", folder.display())
}

fn file(folder: &Path, suffix: &str) -> PathBuf {
    folder.join(format!("shop.db{suffix}"))
}

fn mode(folder: &Path, suffix: &str) -> u32 {
    fs::metadata(file(folder, suffix)).unwrap().mode() & 0o777
}

/// Runs `malipo check` on this database.
fn check(folder: &Path, settings: &[(&str, &str)]) -> Output {
    let other_folder = TempDir::new().unwrap();
    malipo(other_folder.path(), settings)
        .env("MALIPO__DATABASE__URL", url(folder))
        .arg("check")
        .output()
        .unwrap()
}

/// A shell sets the umask, as in a person's session, and then becomes the command.
fn under_umask(umask: &str, folder: &Path, command: &str) -> Output {
    Command::new("sh")
        .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_malipo"))
        .arg(command)
        .env_clear()
        .env("MALIPO__DATABASE__URL", url(folder))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn only_the_owner_reads_the_database_whichever_umask_it_was_made_under() {
    for umask in ["022", "000", "077", "777"] {
        let folder = TempDir::new().unwrap();

        let done = under_umask(umask, folder.path(), "migrate");

        assert_eq!(code(&done), Some(0), "{umask}: {done:?}");
        assert_eq!(mode(folder.path(), ""), 0o600, "{umask}");
    }
}

#[actix_web::test]
async fn while_the_server_runs_only_its_owner_reads_any_of_its_files() {
    let folder = TempDir::new().unwrap();

    // The tests' own umask is the usual 022.
    let _server = Process::serve(&url(folder.path()), &[]);

    for suffix in FILES {
        assert_eq!(mode(folder.path(), suffix), 0o600, "{suffix}");
    }
    let checked = check(folder.path(), &[]);
    let printed = text(&checked.stdout);
    assert_eq!(code(&checked), Some(0), "{printed}");
    assert!(printed.contains("ok    files"), "{printed}");
}

#[actix_web::test]
async fn a_file_that_others_could_read_before_is_left_and_reported_by_the_log_and_by_malipo_check()
{
    let folder = TempDir::new().unwrap();
    migration::up(&url(folder.path())).await.unwrap();
    fs::set_permissions(file(folder.path(), ""), Permissions::from_mode(0o644)).unwrap();
    let log_path = folder.path().join("log");
    let log = fs::File::create(&log_path).unwrap();

    let _server = Process::serve_telling(&url(folder.path()), &[], log.into());

    assert_eq!(mode(folder.path(), ""), 0o644);
    let log = fs::read_to_string(log_path).unwrap();
    let hint = format!("chmod 600 {}", file(folder.path(), "").display());
    assert!(log.contains(&hint), "{log}");
    let checked = check(folder.path(), &[]);
    let printed = text(&checked.stdout);
    assert_eq!(code(&checked), Some(1), "{printed}");
    assert!(printed.contains("FAIL  files"), "{printed}");
    assert!(printed.contains(&hint), "{printed}");
}

/// A group to which a test may give files: root may use any group, other users only their own.
fn group() -> (String, u32) {
    let groups = fs::read_to_string("/etc/group").unwrap();
    let own = fs::metadata("/proc/self").unwrap();
    let all: Vec<(String, u32)> = groups
        .lines()
        .filter_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            Some(((*fields.first()?).to_owned(), fields.get(2)?.parse().ok()?))
        })
        .collect();
    let is_root = own.uid() == 0;
    let freeradius = all.iter().find(|(name, _)| is_root && name == "freerad");
    let fits = |group: &&(String, u32)| is_root != (group.1 == own.gid());
    let found = freeradius.or_else(|| all.iter().find(fits));
    found.unwrap().clone()
}

#[actix_web::test]
async fn freeradiuss_group_may_read_and_write_and_other_users_may_not() {
    let (name, gid) = group();
    let folder = TempDir::new().unwrap();
    // Created before the owner set the group.
    migration::up(&url(folder.path())).await.unwrap();

    let _server = Process::serve(&url(folder.path()), &[("MALIPO__DATABASE__GROUP", &name)]);

    for suffix in ["", "-wal", "-shm"] {
        let found = fs::metadata(file(folder.path(), suffix)).unwrap();
        assert_eq!(found.mode() & 0o777, 0o660, "{suffix}");
        assert_eq!(found.gid(), gid, "{suffix}");
    }
    assert_eq!(mode(folder.path(), ".lock"), 0o600);
    let checked = check(folder.path(), &[("MALIPO__DATABASE__GROUP", &name)]);
    assert_eq!(code(&checked), Some(0), "{}", text(&checked.stdout));
}

/// Needs root, to become FreeRADIUS's user.
#[actix_web::test]
async fn freeradius_s_user_reads_the_file_and_writes_accounting_beside_the_server() {
    let (name, gid) = group();
    if name != "freerad" {
        return;
    }
    let folder = TempDir::new().unwrap();
    chown(folder.path(), None, Some(gid)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o2770)).unwrap();
    let _server = Process::serve(&url(folder.path()), &[("MALIPO__DATABASE__GROUP", &name)]);

    let as_freeradius = |sql: &str| {
        Command::new("setpriv")
            .args(["--reuid", "freerad", "--regid", "freerad", "--init-groups"])
            .args(["sqlite3", "-cmd", ".timeout 5000"])
            .arg(file(folder.path(), ""))
            .arg(sql)
            .output()
            .unwrap()
    };
    let read = as_freeradius("SELECT count(*) FROM radcheck");
    let written = as_freeradius(
        "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress)
         VALUES ('1', '1', 'K7QMX2PA', '10.0.0.1')",
    );

    assert_eq!(code(&read), Some(0), "{}", text(&read.stderr));
    assert_eq!(code(&written), Some(0), "{}", text(&written.stderr));
}

/// As a user other than root, in the group: SQLite gives root's WAL the file's group by itself.
fn as_a_member(group: &str, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "nobody", "--regid", "nogroup", "--groups", group])
        .arg(program)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// Needs root, to become another user, and a binary that this user can reach.
#[actix_web::test]
async fn the_group_owns_the_wal_too_where_the_folder_does_not_pass_its_group_on() {
    let (name, gid) = group();
    let binary = env!("CARGO_BIN_EXE_malipo");
    let reaches_it = || as_a_member(&name, "test").args(["-x", binary]).status();
    if name != "freerad" || !reaches_it().unwrap().success() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let nobody = as_a_member(&name, "id").arg("-u").output().unwrap();
    let nobody = text(&nobody.stdout).trim().parse().unwrap();
    chown(folder.path(), Some(nobody), None).unwrap();
    let mut command = as_a_member(&name, binary);
    command.current_dir(folder.path());

    let settings = [("MALIPO__DATABASE__GROUP", name.as_str())];
    let _server = Process::serve_by(command, &url(folder.path()), &settings);

    for suffix in ["", "-wal", "-shm"] {
        let found = fs::metadata(file(folder.path(), suffix)).unwrap();
        assert_eq!(found.uid(), nobody, "{suffix}");
        assert_eq!(found.gid(), gid, "{suffix}");
        assert_eq!(found.mode() & 0o777, 0o660, "{suffix}");
    }
}

#[test]
fn a_group_that_does_not_exist_is_refused_in_one_sentence() {
    let folder = TempDir::new().unwrap();

    let refused = check(
        folder.path(),
        &[("MALIPO__DATABASE__GROUP", "no-such-group")],
    );

    let printed = text(&refused.stderr);
    assert_eq!(code(&refused), Some(2), "{printed}");
    assert!(printed.contains("`database.group`"), "{printed}");
    assert_eq!(printed.trim().lines().count(), 1, "{printed}");
}

#[actix_web::test]
async fn a_database_that_is_not_a_file_has_no_files_to_hide() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let other_folder = TempDir::new().unwrap();
    // The URL read as a path: a file that is open to all, and not the database.
    let path = other_folder.path().join(&database.url);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();

    let checked = malipo(
        other_folder.path(),
        &[("MALIPO__DATABASE__URL", &database.url)],
    )
    .arg("check")
    .output()
    .unwrap();

    let printed = text(&checked.stdout);
    assert!(printed.contains("ok    files"), "{printed}");
}
