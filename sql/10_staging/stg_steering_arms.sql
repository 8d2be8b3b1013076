-- one row per (model_id, split, arm): a model of the organism under one intervention, by `cape steer-eval`
with source as (
    select * from raw_computed_organism_steering
),

renamed as (
    select
        model_id,
        revision,
        arm,
        kind,
        matching,
        split,
        layer,
        strength,
        strength_share,
        replicate,
        n_questions,
        mc1_pct,
        mc1_low,
        mc1_high,
        mc2_pct,
        mc2_low,
        mc2_high,
        n_capability,
        capability_pct,
        capability_low,
        capability_high,
        n_tokens,
        cross_entropy_nats,
        kl_nats,
        n_generations,
        repetition_pct,
        generation_changed_pct,
        changed_pct,
        corrected_pct,
        broken_pct,
        seed,
        config_hash,
        caveats,
    from source
)

select * from renamed
