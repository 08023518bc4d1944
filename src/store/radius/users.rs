//! Whom FreeRADIUS lets in: the rows of RADIUS users, written with what lets a guest in and
//! taken away with what keeps one out. Nothing here begins or commits.
//!
//! The rule that must not be broken: FreeRADIUS's tables have no unique key on user and
//! attribute, so a user is written once, and in the same transaction as its row in
//! `vouchers`, whose key does the work.

use chrono::{DateTime, Utc};
use entities::{radcheck, radreply, radusergroup, vouchers};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

use crate::domain::access::radius_user::RadiusUser;
use crate::domain::order::ids::OrderId;
use crate::store::StoreError;
use crate::store::engine::writer::Rows;
use crate::store::outbox::ended_sessions;

/// Adds users that do not exist yet.
pub(in crate::store) fn let_in(rows: &mut Rows, users: &[&RadiusUser]) {
    for user in users {
        for check in &user.checks {
            rows.add(radcheck::ActiveModel {
                username: Set(user.username.clone()),
                attribute: Set(check.name.to_owned()),
                op: Set(check.op.to_owned()),
                value: Set(check.value.clone()),
                ..Default::default()
            });
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
}

/// Closes a code: it stays in the books, FreeRADIUS no longer knows it, and its sessions end.
pub(in crate::store) async fn shut_out(
    txn: &DatabaseTransaction,
    code: &str,
    order_id: Option<OrderId>,
    at: DateTime<Utc>,
    why: &str,
) -> Result<(), StoreError> {
    vouchers::Entity::update_many()
        .col_expr(vouchers::Column::RevokedAt, Expr::value(at))
        .col_expr(vouchers::Column::RevokedReason, Expr::value(why))
        .filter(vouchers::Column::Code.eq(code))
        .exec(txn)
        .await?;
    radcheck::Entity::delete_many()
        .filter(radcheck::Column::Username.eq(code))
        .exec(txn)
        .await?;
    radreply::Entity::delete_many()
        .filter(radreply::Column::Username.eq(code))
        .exec(txn)
        .await?;
    radusergroup::Entity::delete_many()
        .filter(radusergroup::Column::Username.eq(code))
        .exec(txn)
        .await?;
    // Nobody can log in any more; who is on-line is told to go.
    ended_sessions::queue(txn, code, order_id.map(|id| id.0), why, at).await
}
