-- one row per model_id: the shipped registry first, then a user's own sources in order of source_id
with models as (
    select * from stg_models
),

sources as (
    select * from stg_sources
),

ranked as (
    select
        models.*,
        row_number() over (
            partition by models.model_id
            order by sources.is_local, models.source_id
        ) as registry_rank,
    from models
    inner join sources
        on models.source_id = sources.source_id
),

flagged as (
    select
        * exclude (registry_rank),
        list_contains(string_split(coalesce(quality_flags, ''), ';'), 'mixture_of_experts') as is_mixture_of_experts,
        list_contains(string_split(coalesce(quality_flags, ''), ';'), 'code') as is_code_model,
        kind = 'instruct'
        or list_contains(string_split(coalesce(quality_flags, ''), ';'), 'chat_checkpoint') as is_instruct,
    from ranked
    where registry_rank = 1
),

filtered as (
    select
        *,
        not (is_mixture_of_experts or is_code_model or is_instruct or kind = 'frontier') as is_population_model,
    from flagged
)

select * from filtered
