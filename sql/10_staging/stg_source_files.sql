-- one row per (source_id, file_name)
with source as (
    select * from raw_source_files
),

renamed as (
    select
        source_id,
        name as file_name,
        sha256,
        found_sha256,
        cast(rows as bigint) as declared_rows,
        cast(found_rows as bigint) as found_rows,
    from source
)

select * from renamed
