-- one row per (panel, x, y, target, inputs, seed, fold, complexity): laws stored by scripts/search_laws.py
with source as (
    select * from raw_computed_symbolic_laws
),

renamed as (
    select
        panel,
        x,
        y,
        target,
        inputs,
        engine,
        engine_version,
        seed,
        nullif(fold, -1) as fold,
        held_out,
        complexity,
        loss,
        expression,
        latex,
        n_models,
        models_digest,
        from_lake_version,
    from source
)

select * from renamed
