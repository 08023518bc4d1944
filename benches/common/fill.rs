//! SQL that generates rows in the database: unpaid orders, and millions of past payments. Identifiers
//! are as random as those of the server, so that filling the indexes costs as much.

use super::options::Kind;

/// The values that all generated payments share, in the order of [`TERMS_COLUMNS`].
const TERMS: &str =
    "'sw', 2, 'daily', 'Siku moja', 'One day', 2000, 'TZS', 1440, 'purchase', 5120, 2048, 1";
const TERMS_COLUMNS: &str = "language, package_id, package_code, package_name_sw, package_name_en, \
     amount, currency, duration_minutes, validity, download_kbps, upload_kbps, shared_devices";

/// Returns the statements that drop all indexes of `payments` except the primary key, which makes
/// filling the table faster. PostgreSQL only.
pub const DROP_INDEXES: &str = "
    SELECT string_agg(coalesce('ALTER TABLE payments DROP CONSTRAINT ' || conname,
                               'DROP INDEX ' || indexrelid::regclass), '; ')
    FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid AND contype = 'u'
    WHERE pg_index.indrelid = 'payments'::regclass AND NOT indisprimary";
/// Returns the statements that create the same indexes again.
pub const CREATE_INDEXES: &str = "
    SELECT string_agg(coalesce('ALTER TABLE payments ADD CONSTRAINT ' || conname || ' '
                                   || pg_get_constraintdef(pg_constraint.oid),
                               pg_get_indexdef(indexrelid)), '; ')
    FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid AND contype = 'u'
    WHERE pg_index.indrelid = 'payments'::regclass AND NOT indisprimary";

/// SQL that inserts `count` unpaid orders. They are due in a day, so that no status check runs during
/// the measurement.
pub fn orders(kind: Kind, count: usize) -> String {
    let columns = format!(
        "order_id, status, version, phone, {TERMS_COLUMNS}, webhook_secret, created_at, deadline_at, due_at, asks"
    );
    match kind {
        Kind::Postgres => format!(
            "INSERT INTO payments ({columns})
             SELECT gen_random_uuid(), 'PENDING', 1, '2557' || lpad((random() * 99999999)::int::text, 8, '0'),
                    {TERMS}, md5(random()::text), now(), now() + interval '1 day', now() + interval '1 day', 0
             FROM generate_series(1, {count})"
        ),
        Kind::Sqlite => format!(
            "WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < {count})
             INSERT INTO payments ({columns})
             SELECT randomblob(16), 'PENDING', 1, '2557' || printf('%08d', abs(random()) % 100000000),
                    {TERMS}, lower(hex(randomblob(16))), {now}, {tomorrow}, {tomorrow}, 0
             FROM many",
            now = stamp("'now'"),
            tomorrow = stamp("'now', '+1 day'"),
        ),
    }
}

/// SQL that inserts `count` payments that were sold in the past, three seconds apart.
pub fn finished(kind: Kind, count: u64) -> String {
    let columns = format!(
        "order_id, status, version, phone, {TERMS_COLUMNS}, webhook_secret, reference, created_at, \
         deadline_at, confirmed_at, processed_at, gateway_confirmed_at, asks"
    );
    match kind {
        Kind::Postgres => format!(
            "INSERT INTO payments ({columns})
             SELECT gen_random_uuid(), 'COMPLETED', 2, '2557' || lpad((random() * 99999999)::int::text, 8, '0'),
                    {TERMS}, md5(n::text), (random() * 1e10)::bigint::text, at, at, at, at, at, 1
             FROM (SELECT n, now() - n * interval '3 seconds' AS at FROM generate_series({count}, 1, -1) n) past"
        ),
        Kind::Sqlite => format!(
            "WITH RECURSIVE many(n) AS (SELECT {count} UNION ALL SELECT n - 1 FROM many WHERE n > 1)
             INSERT INTO payments ({columns})
             SELECT randomblob(16), 'COMPLETED', 2, '2557' || printf('%08d', abs(random()) % 100000000),
                    {TERMS}, lower(hex(randomblob(16))), abs(random()) % 10000000000, at, at, at, at, at, 1
             FROM (SELECT {at} AS at FROM many)",
            at = stamp("'now', '-' || (n * 3) || ' seconds'"),
        ),
    }
}

/// A time in the text format that the server uses on SQLite.
fn stamp(arguments: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%f', {arguments}) || '+00:00'")
}
