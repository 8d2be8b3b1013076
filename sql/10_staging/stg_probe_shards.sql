-- one row per (source_id, source_file, file_row): a number of a probe run here or by a user, as its shard holds it
with source as (
    select * from raw_probe_shards
),

renamed as (
    select
        source_id,
        source_file,
        file_row,

        ---------- ids
        model_id,
        revision,
        config_hash,
        prompt_id,

        ---------- what was measured and how
        instrument,
        backend,
        probe,
        layer,
        head,
        unit,
        n_prompts,
        prompts_set,
        prompts_hash,
        position,
        dtype,
        device,
        versions,
        notes,

        ---------- numerics
        value,
        low,
        high,
    from source
)

select * from renamed
