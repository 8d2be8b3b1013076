-- one row per (source_id, file_row): one prompt of a published steering run
with source as (
    select * from raw_steering_reported
),

renamed as (
    select
        source_id,
        source_file,
        file_row,
        model_id,
        notes,
        cast(prompt_no as bigint) as prompt_no,
        cast(cos as double) as cosine,
        cast(strength as double) as strength,
        changed = '1' as is_changed,
    from source
)

select * from renamed
