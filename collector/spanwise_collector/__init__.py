"""The Spanwise collector: takes spans in, stores them in a ClickHouse engine, answers questions about them."""
