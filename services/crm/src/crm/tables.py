"""The two tables of CRM's database, in SQL that SQLite and MariaDB both have."""

import sqlalchemy as sql

from crm.customer import CONNECTION_ID_LENGTH

# SQLite keeps only INTEGER, not BIGINT, keys in the table itself; both have 64 bits there.
_Number = sql.BigInteger().with_variant(sql.Integer, "sqlite")

metadata = sql.MetaData()

customers = sql.Table(
    "customers",
    metadata,
    sql.Column("id", _Number, primary_key=True, autoincrement=False),
    sql.Column("connection_id", sql.String(CONNECTION_ID_LENGTH), nullable=False),
    sql.Column("mandate", sql.String(1), nullable=False),
    sql.Column("sequence", _Number, nullable=False, index=True),
    # A length above the largest request makes MariaDB choose a type that holds it.
    sql.Column("document", sql.Text(1 << 20), nullable=False),
    sql.Index("customers_of_connection", "connection_id", "sequence"),
)

outbox = sql.Table(
    "outbox",
    metadata,
    # The columns are the fields of ConnectionMandate, in its order.
    sql.Column("event_id", sql.String(36), nullable=False),
    sql.Column("sequence", _Number, primary_key=True, autoincrement=False),
    sql.Column("time", sql.String(32), nullable=False),
    sql.Column("connection_id", sql.String(CONNECTION_ID_LENGTH), nullable=False),
    sql.Column("mandate", sql.String(1), nullable=False),
    sql.Column("traceparent", sql.String(55)),
)
