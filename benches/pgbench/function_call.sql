-- One call of function.sql a sale. Given with -D: first, clients, turn = 0, as in textbook.sql.
\set turn :turn + 1
\set id :first + (:turn - 1) * :clients + :client_id
\set code (:id * 2654435761) % 4294967296
SELECT bench_sell(:id, :code);
