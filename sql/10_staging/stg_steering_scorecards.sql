-- one row per model_id: a steering scorecard of a model of the organism, with what was chosen and the verdict
with source as (
    select * from raw_computed_organism_steering_summary
),

renamed as (
    select
        model_id,
        revision,
        position,
        n_params,
        n_layers,
        d_model,
        layer,
        strength,
        strength_share,
        choice,
        n_pairs,
        n_validation,
        n_test,
        n_random,
        n_random_matched,
        split_half_cosine,
        verdict,
        reason,
        rank_floor,
        questions,
        questions_hash,
        vector_hash,
        weights_hash,
        config_hash,
        seed,
        versions,
        seconds,
    from source
)

select * from renamed
