-- one row per (model_id, arm, against, metric): one intervention less another on the same test questions
with source as (
    select * from raw_computed_organism_steering_effects
),

renamed as (
    select
        model_id,
        revision,
        arm,
        kind,
        matching,
        against,
        metric,
        value,
        low,
        high,
        unit,
        n,
        p_value,
        p_test,
        n_changed,
        n_corrected,
        n_broken,
        moved_wrong_pct,
        moved_right_pct,
        method,
        caveats,
    from source
)

select * from renamed
