//! The shop: packages, customers, payments, and the rows of a sale.
//!
//! # Invariants
//! The unique keys on `payment_id` limit a sale to one invoice and one voucher, without any help from the
//! code above.

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

const UP: &str = "
CREATE TABLE packages (
    id               {id},
    code             text NOT NULL UNIQUE,
    name_sw          text NOT NULL,
    name_en          text NOT NULL,
    price            bigint NOT NULL,
    currency         text NOT NULL,
    duration_minutes integer NOT NULL,
    validity         text NOT NULL CHECK (validity IN ('purchase', 'first_login')),
    data_limit_mb    integer,
    download_kbps    integer NOT NULL,
    upload_kbps      integer NOT NULL,
    shared_devices   integer NOT NULL,
    sort_order       integer NOT NULL,
    retired_at       {time},
    created_at       {time} NOT NULL
);

CREATE TABLE customers (
    id            {id},
    phone         text NOT NULL UNIQUE,
    name          text,
    orders_paid   integer NOT NULL,
    total_paid    bigint NOT NULL,
    first_paid_at {time} NOT NULL,
    last_paid_at  {time} NOT NULL
);

CREATE TABLE payments (
    id                   {id_never_reused},
    order_id             {uuid} NOT NULL UNIQUE,
    status               text NOT NULL CHECK (status IN (
        'PENDING', 'COMPLETED', 'FAILED', 'CANCELLED', 'EXPIRED', 'HELD', 'REFUNDED')),
    version              integer NOT NULL,
    phone                text NOT NULL,
    customer_name        text,
    language             text NOT NULL CHECK (language IN ('sw', 'en')),
    idempotency_key      text UNIQUE,
    package_id           bigint NOT NULL,
    package_code         text NOT NULL,
    package_name_sw      text NOT NULL,
    package_name_en      text NOT NULL,
    amount               bigint NOT NULL,
    currency             text NOT NULL,
    duration_minutes     integer NOT NULL,
    validity             text NOT NULL CHECK (validity IN ('purchase', 'first_login')),
    data_limit_mb        integer,
    download_kbps        integer NOT NULL,
    upload_kbps          integer NOT NULL,
    shared_devices       integer NOT NULL,
    webhook_secret       text NOT NULL,
    paid_amount          bigint,
    reference            text,
    transid              text,
    channel              text,
    payer_msisdn         text,
    failure_reason       text,
    created_at           {time} NOT NULL,
    deadline_at          {time} NOT NULL,
    due_at               {time},
    asks                 integer NOT NULL DEFAULT 0,
    confirmed_at         {time},
    processed_at         {time},
    gateway_confirmed_at {time}
);
CREATE INDEX payments_phone ON payments (phone, created_at);
CREATE INDEX payments_created_at ON payments (created_at);
CREATE INDEX payments_due_at ON payments (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payments_reference ON payments (reference);
CREATE INDEX payments_open ON payments (status) WHERE status IN ('PENDING', 'HELD');

CREATE TABLE invoices (
    id             {id},
    number         text NOT NULL UNIQUE,
    payment_id     bigint NOT NULL UNIQUE REFERENCES payments (id),
    customer_phone text NOT NULL REFERENCES customers (phone),
    customer_name  text,
    package_code   text NOT NULL,
    description    text NOT NULL,
    amount         bigint NOT NULL,
    currency       text NOT NULL,
    issued_at      {time} NOT NULL
);

CREATE TABLE vouchers (
    id               {id},
    code             text NOT NULL UNIQUE,
    payment_id       bigint UNIQUE REFERENCES payments (id),
    package_code     text NOT NULL,
    duration_minutes integer NOT NULL,
    validity         text NOT NULL CHECK (validity IN ('purchase', 'first_login')),
    data_limit_mb    integer,
    shared_devices   integer NOT NULL,
    issued_at        {time} NOT NULL,
    expires_at       {time},
    revoked_at       {time},
    revoked_reason   text
);
";

const DOWN: &str = "
DROP TABLE vouchers;
DROP TABLE invoices;
DROP TABLE payments;
DROP TABLE customers;
DROP TABLE packages;
";
