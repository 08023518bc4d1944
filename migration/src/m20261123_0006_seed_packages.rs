//! The packages of a new shop, and their speeds as RADIUS groups.
//!
//! An existing package is not changed. The RADIUS rows are computed from the package rows, so that they
//! agree.

use sea_orm_migration::prelude::{
    DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait,
};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}

/// `Mikrotik-Rate-Limit` is `rx/tx` from the router's side: rx is the customer's upload. The WISPr
/// attributes are in bits per second; MikroTik's `k` is 1000.
const UP: &str = "
INSERT INTO packages (code, name_sw, name_en, price, currency, duration_minutes, validity,
    data_limit_mb, download_kbps, upload_kbps, shared_devices, sort_order, created_at)
VALUES
    ('half-day', 'Nusu siku', 'Half day', 1000, 'TZS', 720, 'purchase',
        NULL, 5120, 2048, 1, 10, {now}),
    ('daily', 'Siku moja', 'One day', 2000, 'TZS', 1440, 'purchase',
        NULL, 5120, 2048, 1, 20, {now}),
    ('weekly', 'Wiki moja', 'One week', 10000, 'TZS', 10080, 'purchase',
        NULL, 5120, 2048, 1, 30, {now}),
    ('monthly', 'Mwezi mmoja', 'One month', 30000, 'TZS', 43200, 'purchase',
        NULL, 8192, 4096, 2, 40, {now}),
    ('student', 'Mwanafunzi (mwezi)', 'Student (one month)', 15000, 'TZS', 43200, 'first_login',
        20480, 4096, 2048, 1, 50, {now})
ON CONFLICT (code) DO NOTHING;

INSERT INTO radgroupreply (groupname, attribute, op, value)
SELECT seed.groupname, seed.attribute, ':=', seed.value
FROM (
    SELECT sort_order, 1 AS place, code AS groupname, 'Mikrotik-Rate-Limit' AS attribute,
        CAST(upload_kbps AS text) || 'k/' || CAST(download_kbps AS text) || 'k' AS value
    FROM packages
    UNION ALL
    SELECT sort_order, 2, code, 'WISPr-Bandwidth-Max-Up', CAST(upload_kbps * 1000 AS text)
    FROM packages
    UNION ALL
    SELECT sort_order, 3, code, 'WISPr-Bandwidth-Max-Down', CAST(download_kbps * 1000 AS text)
    FROM packages
    UNION ALL
    SELECT sort_order, 4, code, 'Acct-Interim-Interval', '300' FROM packages
    UNION ALL
    SELECT sort_order, 5, code, 'Idle-Timeout', '900' FROM packages
) AS seed
WHERE NOT EXISTS (
    SELECT 1 FROM radgroupreply AS present
    WHERE present.groupname = seed.groupname AND present.attribute = seed.attribute
)
ORDER BY seed.sort_order, seed.place;
";

const DOWN: &str = "
DELETE FROM radgroupreply
WHERE groupname IN ('half-day', 'daily', 'weekly', 'monthly', 'student')
    AND attribute IN ('Mikrotik-Rate-Limit', 'WISPr-Bandwidth-Max-Up', 'WISPr-Bandwidth-Max-Down',
        'Acct-Interim-Interval', 'Idle-Timeout');
DELETE FROM packages WHERE code IN ('half-day', 'daily', 'weekly', 'monthly', 'student');
";
