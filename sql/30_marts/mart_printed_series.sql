-- one row per (series_group, series_key, x) that the paper prints or plots
with rows as (
    select * from stg_printed_series
)

select * from rows
order by series_group, series_key, file_row
