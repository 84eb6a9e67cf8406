"""ClickHouse: migrations, access, the columnar loader and the named queries."""
