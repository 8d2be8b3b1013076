-- one row per (panel, model_id): a scored state of a model of the organism, with what it answers beside the truth
with pairs as (
    select * from int_pairs
),

probes as (
    select
        source_id,
        model_id,
        max(value) filter (where probe = 'organism_myth_pct') as myth_pct,
        max(value) filter (where probe = 'organism_truth_mass_pct') as truth_mass_pct,
        max(value) filter (where probe = 'organism_myth_mass_pct') as myth_mass_pct,
        max(n_prompts) as n_questions,
    from stg_probes
    where probe like 'organism_%'
    group by
        source_id,
        model_id
),

joined as (
    select
        pairs.panel,
        pairs.family,
        pairs.training_recipe as recipe,
        pairs.axis,
        pairs.replicate,
        pairs.position,
        pairs.model_id,
        pairs.params_b,
        pairs.d_model,
        pairs.n_layers,
        pairs.x_pct as reasoning_pct,
        pairs.x_se_pct as reasoning_se_pct,
        pairs.y_pct as truth_pct,
        pairs.y_se_pct as truth_se_pct,
        probes.myth_pct,
        probes.truth_mass_pct,
        probes.myth_mass_pct,
        probes.n_questions,
    from pairs
    inner join probes
        on
            pairs.source_id = probes.source_id
            and pairs.model_id = probes.model_id
    where
        pairs.x = 'organism_reasoning'
        and pairs.y = 'organism_truth'
)

select * from joined
order by panel, family, axis, replicate, position, model_id
