-- one row per model_id: what steering does to the answers of a model of the organism, as chosen and in paper mode
with cards as (
    select * from stg_steering_scorecards
),

effects as (
    select * from stg_steering_effects
    where metric = 'mc1'
),

against_base as (
    select * from effects
    where
        kind = 'steered'
        and matching = 'equal norm'
        and against = 'base'
),

against_random as (
    select * from effects
    where
        kind = 'steered'
        and against = 'mean of random directions, equal norm'
),

paper_mode as (
    select * from effects
    where
        kind = 'paper mode'
        and against = 'base'
),

models as (
    select distinct
        family,
        training_recipe as recipe,
        replicate,
        position,
        model_id,
        d_model,
        n_layers,
    from int_pairs
    where
        panel = 'organism'
        and x = 'organism_reasoning'
        and y = 'organism_truth'
),

joined as (
    select
        models.family,
        models.recipe,
        models.replicate,
        models.position,
        models.model_id,
        models.d_model,
        models.n_layers,
        cards.layer,
        cards.strength,
        cards.strength_share,
        cards.n_test as n_questions,
        cards.n_random,
        cards.verdict,
        cards.questions,
        against_base.value as effect_pp,
        against_base.low as effect_low,
        against_base.high as effect_high,
        against_base.n_changed,
        against_base.n_corrected,
        against_base.n_broken,
        against_random.value as beyond_random_pp,
        against_random.low as beyond_random_low,
        against_random.high as beyond_random_high,
        paper_mode.value as paper_effect_pp,
        paper_mode.low as paper_effect_low,
        paper_mode.high as paper_effect_high,
        paper_mode.n_changed as paper_n_changed,
        paper_mode.n_corrected as paper_n_corrected,
        paper_mode.n_broken as paper_n_broken,
    from cards
    inner join models
        on cards.model_id = models.model_id
    left join against_base
        on cards.model_id = against_base.model_id
    left join against_random
        on cards.model_id = against_random.model_id
    left join paper_mode
        on cards.model_id = paper_mode.model_id
)

select * from joined
order by family, replicate, position, model_id
