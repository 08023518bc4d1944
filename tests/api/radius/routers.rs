//! Routers, as the table `nas` has them.

use super::with_voucher;
use crate::harness::Kind;

on_both_databases! {
    a_router_in_the_table_is_served_without_a_restart,
}

async fn a_router_in_the_table_is_served_without_a_restart(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let request = [
        ("User-Name", code.as_str()),
        ("User-Password", &code),
        ("Packet-Src-IP-Address", "127.0.0.7"),
    ];
    app.database
        .execute(
            "INSERT INTO nas (nasname, shortname, secret) VALUES ('127.0.0.7', 'bar', 'seven')",
        )
        .await;

    radius
        .ask("auth", "seven", &request)
        .await
        .assert_accepted();

    let stranger = [
        ("Packet-Src-IP-Address", "127.0.0.8"),
        request[0],
        request[1],
    ];
    let reply = radius.ask("auth", "seven", &stranger).await;
    assert_eq!(reply.code, "", "a stranger is not even answered");
}
