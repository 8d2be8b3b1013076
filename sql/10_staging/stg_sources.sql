-- one row per source
with source as (
    select * from raw_sources
),

renamed as (
    select
        source_id,
        title,
        url,
        kind,
        date as as_of_date,
        licence,
        notes,
        cast(paper_mode as boolean) as is_paper_mode,
        cast(is_local as boolean) as is_local,
    from source
)

select * from renamed
