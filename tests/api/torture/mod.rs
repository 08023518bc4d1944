//! Torture: the exactly-once drill buys in rounds, and a fault is injected in the middle of each
//! round: something is killed, frozen, cut off or filled up. After each round the drill's checker
//! examines the database, and at the end it examines everything once more.
//!
//! A short form runs with the other tests; `scripts/torture --minutes 20` is the long one. The same
//! seed injects the same faults, but not at the same moments, which depend on the machine.

use std::cell::Cell;
use std::time::{Duration, Instant};

use malipo::drill::{self, Collected, Plan, Progress};
use tokio::time::sleep;

mod cluster;
mod front;
mod harm;
mod report;
mod scene;

use harm::{Harm, Manner, inflict};
use report::Report;
use scene::Scene;

use crate::harness::{Kind, TestApp};

/// The faults of the short form, without those that take half a minute.
const SHORT_ON_POSTGRES: [Harm; 6] = [
    Harm::KillOne,
    Harm::KillPostgres,
    Harm::ResetNetwork,
    Harm::FreezePostgres,
    Harm::KillAll,
    Harm::Terminate,
];
const SHORT_ON_SQLITE: [Harm; 2] = [Harm::KillOne, Harm::FillDisk];
const SHORT: Plan = Plan {
    orders: 12,
    copies: 3,
};
const LONG: Plan = Plan {
    orders: 24,
    copies: 4,
};

/// So that a long harm does not make more orders than can be checked at the end.
const BETWEEN_DRILLS: Duration = Duration::from_millis(200);

/// A generator of random numbers from a seed (Steele, Lea, Flood: SplitMix64), the same for ever.
struct Dice(u64);

impl Dice {
    fn next_random(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next_random() % limit
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number")),
    )
}

struct Torture {
    dice: Dice,
    plan: Plan,
    report: Report,
}

impl Torture {
    fn new(plan: Plan) -> Self {
        let random = || uuid::Uuid::new_v4().as_u64_pair().0 >> 32;
        let seed = number_of("MALIPO_TORTURE_SEED").unwrap_or_else(random);
        println!("seed {seed}");
        Self {
            dice: Dice(seed),
            plan,
            report: Report {
                seed,
                ..Report::default()
            },
        }
    }

    /// One harm in the middle of one drill, and its result.
    async fn round(&mut self, harm: Harm, scene: &mut Scene) {
        let before = self.dice.millis(200, 1_500);
        let long = self.plan.orders == LONG.orders && self.dice.below(3) == 0;
        let manner = Manner {
            which: self.dice.below(1_000) as usize,
            lasts: self.dice.millis(300, 3_000),
            frozen: Duration::from_secs(if long { 34 } else { 6 }),
        };
        let began = Instant::now();
        let target = scene.target(None);
        let (buying, healed) = (Cell::new(false), Cell::new(false));

        let playing = async {
            let mut played = Vec::new();
            loop {
                buying.set(true);
                match drill::play(&target, self.plan, &Progress::silent()).await {
                    Ok(some) => played.extend(some),
                    Err(error) => return (played, Some(error)),
                }
                buying.set(false);
                if healed.get() {
                    return (played, None);
                }
                sleep(BETWEEN_DRILLS).await;
            }
        };
        let hurting = async {
            sleep(before).await;
            let in_mid_load = buying.get();
            let complaints = inflict(harm, manner, scene).await;
            healed.set(true);
            (in_mid_load, complaints)
        };
        let ((played, gave_up), (in_mid_load, complaints)) = tokio::join!(playing, hurting);

        let bought = began.elapsed().as_secs();
        self.report.wrong.extend(complaints);
        self.report.wrong.extend(scene.until_ready().await);
        let ready = began.elapsed().as_secs();
        let gave_up = gave_up.map(|error| format!("{}: {error}", harm.name()));
        self.report.wrong.extend(gave_up);
        self.report.in_mid_load += usize::from(in_mid_load);
        *self.report.rounds.entry(harm).or_default() += 1;
        let collected = look(scene, played).await;
        self.report.count(&collected);
        self.report.judge(&collected);
        let slowest = collected
            .played
            .iter()
            .filter_map(drill::PlayedOrder::notified_after)
            .max();
        println!(
            "{:?}, {}: {bought} s, ready after {ready} s; {} acknowledged, {} lost, {} doubled, {} \
             otherwise wrong; slowest guest {:?}",
            scene.kind,
            harm.name(),
            self.report.acknowledged,
            self.report.lost.len(),
            self.report.doubled.len(),
            self.report.wrong.len(),
            slowest.unwrap_or_default(),
        );
        scene.played.extend(collected.played);
    }

    /// Orders that were complete after their round must be complete at the end.
    async fn check_all_rounds(&mut self, scene: &mut Scene) {
        let played = std::mem::take(&mut scene.played);
        let collected = look(scene, played).await;
        self.report.judge(&collected);
    }
}

async fn look(scene: &Scene, played: Vec<drill::PlayedOrder>) -> Collected {
    let store = scene.open_store().await;
    let target = scene.target(Some(store.clone()));
    let collected = drill::audit(&target, played).await.unwrap();
    store.close().await;
    collected
}

#[actix_web::test]
async fn rounds_of_every_harm_lose_nothing_and_double_nothing() {
    let secs = number_of("MALIPO_TORTURE_SECS");
    let began = Instant::now();
    let mut torture = Torture::new(if secs.is_some() { LONG } else { SHORT });
    let mut on_postgres = Scene::on_postgres().await;
    let mut on_sqlite = Scene::on_sqlite().await;
    let has_disk = on_sqlite.disk.is_some();
    if !has_disk {
        torture.report.untried.push(Harm::FillDisk.name());
    }
    let possible = |harm: &Harm| *harm != Harm::FillDisk || has_disk;

    match secs {
        None => {
            for harm in SHORT_ON_POSTGRES {
                torture.round(harm, &mut on_postgres).await;
            }
            for harm in SHORT_ON_SQLITE.into_iter().filter(possible) {
                torture.round(harm, &mut on_sqlite).await;
            }
        }
        Some(secs) => {
            let wanted = std::env::var("MALIPO_TORTURE_HARM").ok();
            let is_wanted =
                |harm: &Harm| wanted.as_ref().is_none_or(|it| *it == format!("{harm:?}"));
            let of = |all: &[Harm]| -> Vec<Harm> {
                let some = all.iter().copied().filter(possible);
                some.filter(is_wanted).collect()
            };
            let (on_three, on_file) = (of(&Harm::ON_POSTGRES), of(&Harm::ON_SQLITE));
            assert!(on_three.len() + on_file.len() > 0, "there is no such harm");
            while began.elapsed() < Duration::from_secs(secs) {
                let file =
                    on_three.is_empty() || (torture.dice.below(5) == 0 && !on_file.is_empty());
                let (scene, harms) = match file {
                    true => (&mut on_sqlite, &on_file),
                    false => (&mut on_postgres, &on_three),
                };
                let harm = harms[torture.dice.below(harms.len() as u64) as usize];
                torture.round(harm, scene).await;
            }
        }
    }
    torture.check_all_rounds(&mut on_postgres).await;
    torture.check_all_rounds(&mut on_sqlite).await;

    torture.report.secs = began.elapsed().as_secs();
    println!("\n{}", torture.report);
    if let Ok(file) = std::env::var("MALIPO_TORTURE_JSON") {
        std::fs::write(file, format!("{:#}\n", torture.report.to_json())).unwrap();
    }
    assert!(
        torture.report.in_mid_load > 0,
        "no fault was injected while the drill was buying"
    );
    assert!(torture.report.is_clean(), "see the report above");
}

/// Tests the verdict itself: a manipulated database is reported.
#[actix_web::test]
async fn a_missing_row_is_a_loss_and_an_extra_row_is_a_double() {
    let app = TestApp::start(Kind::Sqlite).await;
    let plan = Plan {
        orders: 3,
        copies: 2,
    };
    let target = |store| drill::Target {
        url: app.base.parse().unwrap(),
        token: None,
        key: malipo::domain::people::Secret::new(crate::harness::KEY),
        store,
        scene: String::new(),
    };
    let played = drill::play(&target(None), plan, &Progress::silent()).await;
    let played = played.unwrap();
    let verdict = async || {
        let store = app.store_beside().await;
        let collected = drill::audit(&target(Some(store.clone())), played.clone()).await;
        store.close().await;
        let mut report = Report::default();
        report.judge(&collected.unwrap());
        report
    };
    let untouched = verdict().await;
    let [first, second, third] = [0, 1, 2].map(|at: usize| played[at].order_id.to_string());
    let payment = |order: &str| {
        format!(
            "(SELECT id FROM payments WHERE {})",
            app.database.is_order(order)
        )
    };

    app.database
        .execute(&format!(
            "DELETE FROM sms_messages WHERE payment_id = {}",
            payment(&first)
        ))
        .await;
    app.database
        .execute(&format!(
            "UPDATE webhook_deliveries SET outcome = 'duplicate' WHERE order_id = '{second}'"
        ))
        .await;
    app.database
        .execute(&format!(
            "INSERT INTO radcheck (username, attribute, op, value)
             SELECT username, attribute, op, value FROM radcheck
             WHERE username = (SELECT code FROM vouchers WHERE payment_id = {})",
            payment(&third)
        ))
        .await;
    let tampered = verdict().await;

    assert!(untouched.is_clean(), "{untouched}");
    assert_eq!(tampered.lost.len(), 2, "{tampered}");
    assert_eq!(tampered.doubled.len(), 1, "{tampered}");
    assert!(!tampered.is_clean());
}
