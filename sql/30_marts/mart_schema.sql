-- one row per (mart, column_name)
with columns as (
    select
        table_name as mart,
        column_name,
        data_type,
        column_index,
    from duckdb_columns()
    where starts_with(table_name, 'mart_') and database_name = current_database()
)

select * from columns
order by mart, column_index
