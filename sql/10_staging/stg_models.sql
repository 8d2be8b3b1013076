-- one row per (source_id, model_id)
with source as (
    select * from raw_models
),

renamed as (
    select
        source_id,
        model_id,
        family,
        coalesce(display_name, model_id) as display_name,
        lab,
        coalesce(kind, 'base') as kind,
        coalesce(training_recipe, 'unknown') as training_recipe,
        release_date,
        hf_id,
        quality_flags,
        notes,
        cast(params_b as double) as params_b,
        cast(active_params_b as double) as active_params_b,
        cast(d_model as bigint) as d_model,
        cast(n_layers as bigint) as n_layers,
        cast(n_heads as bigint) as n_heads,
        cast(vocab_size as bigint) as vocab_size,
    from source
)

select * from renamed
