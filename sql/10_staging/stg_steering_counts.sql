-- one row per (source_id, file_row): changed outputs of one published steering run, or of its prompts of one phase
with source as (
    select * from raw_steering_counts
),

renamed as (
    select
        source_id,
        source_file,
        file_row,
        model_id,
        phase,
        notes,
        cast(changed as bigint) as n_changed,
        cast(total as bigint) as n_prompts,
    from source
)

select * from renamed
