-- one row per model_id: registry entry, training tokens and number of scores
with models as (
    select * from int_models
),

tokens as (
    select
        model_id,
        any_value(tokens_t order by source_id) as tokens_t,
    from stg_training_tokens
    group by model_id
),

score_counts as (
    select
        model_id,
        count(*) as n_scores,
        count(distinct source_id) as n_sources,
    from stg_scores
    group by model_id
),

joined as (
    select
        models.*,
        tokens.tokens_t,
        coalesce(score_counts.n_scores, 0) as n_scores,
        coalesce(score_counts.n_sources, 0) as n_score_sources,
    from models
    left join tokens
        on models.model_id = tokens.model_id
    left join score_counts
        on models.model_id = score_counts.model_id
)

select * from joined
order by family, params_b, model_id
