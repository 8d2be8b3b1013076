-- one row per (series_group, series_key, x) that the paper prints or plots
with source as (
    select * from raw_printed_series
),

renamed as (
    select
        source_id,
        source_file,
        file_row,
        series_group,
        series_key,
        x,
        cast(y as double) as y,
    from source
)

select * from renamed
