//! Whom FreeRADIUS lets in: the rows of RADIUS users, written with what lets a guest in and
//! taken away with what keeps one out. Nothing here begins or commits.
//!
//! # Invariants
//! FreeRADIUS's tables have no unique key on user and attribute, so a user is written once, and in the
//! same transaction as its row in `vouchers`, whose key does the work.

use chrono::{DateTime, Utc};
use entities::{radcheck, radreply, radusergroup};
use sea_orm::ActiveValue::Set;
use sea_orm::DatabaseTransaction;

use crate::domain::access::{Attribute, RadiusUser};
use crate::domain::order::ids::OrderId;
use crate::store::StoreError;
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::outbox::ended_sessions;

/// Adds a user that does not exist yet.
pub(in crate::store) fn provision(rows: &mut Rows, user: &RadiusUser) {
    for check in &user.checks {
        rows.add(check_row(user, check));
    }
    for reply in &user.replies {
        rows.add(radreply::ActiveModel {
            username: Set(user.username.clone()),
            attribute: Set(reply.name.to_owned()),
            op: Set(reply.op.to_owned()),
            value: Set(reply.value.clone()),
            ..Default::default()
        });
    }
    rows.add(radusergroup::ActiveModel {
        username: Set(user.username.clone()),
        groupname: Set(user.group.clone()),
        priority: Set(1),
        ..Default::default()
    });
}

/// What FreeRADIUS compares when the user logs in.
pub(in crate::store) fn check_row(user: &RadiusUser, check: &Attribute) -> radcheck::ActiveModel {
    radcheck::ActiveModel {
        username: Set(user.username.clone()),
        attribute: Set(check.name.to_owned()),
        op: Set(check.op.to_owned()),
        value: Set(check.value.clone()),
        ..Default::default()
    }
}

/// Closes a code: it stays in the database, FreeRADIUS no longer knows it, and its sessions end.
pub(in crate::store) async fn revoke_users(
    txn: &DatabaseTransaction,
    code: &str,
    order_id: Option<OrderId>,
    at: DateTime<Utc>,
    why: &str,
) -> Result<(), StoreError> {
    let revoke = "UPDATE vouchers SET revoked_at = $1, revoked_reason = $2 WHERE code = $3";
    sql::execute(txn, revoke, [at.into(), why.into(), code.into()]).await?;
    for delete in [
        "DELETE FROM radcheck WHERE username = $1",
        "DELETE FROM radreply WHERE username = $1",
        "DELETE FROM radusergroup WHERE username = $1",
    ] {
        sql::execute(txn, delete, [code.into()]).await?;
    }
    // No device can log in any more; open sessions are ended.
    ended_sessions::queue(txn, code, order_id.map(|id| id.0), why, at).await
}
