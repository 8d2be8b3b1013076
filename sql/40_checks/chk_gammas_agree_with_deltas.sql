-- offenders: steps whose gamma is not the ratio of the two deltas of the same step
with gammas as (
    select * from mart_gamma
    where gamma is not null and x = 'hellaswag'
),

deltas as (
    select * from mart_deltas
)

select
    gammas.panel || ' ' || gammas.family || ' ' || gammas.models_to as place,
    'gamma ' || gammas.gamma || ' differs from the ratio of its deltas' as description,
from gammas
inner join deltas as first_delta
    on
        gammas.panel = first_delta.panel
        and gammas.family = first_delta.family
        and gammas.axis = first_delta.axis
        and gammas.replicate = first_delta.replicate
        and gammas.x = first_delta.benchmark_id
        and gammas.x_protocol = first_delta.protocol
        and gammas.models_from = first_delta.models_from
        and gammas.models_to = first_delta.models_to
inner join deltas as second_delta
    on
        gammas.panel = second_delta.panel
        and gammas.family = second_delta.family
        and gammas.axis = second_delta.axis
        and gammas.replicate = second_delta.replicate
        and gammas.y = second_delta.benchmark_id
        and gammas.y_protocol = second_delta.protocol
        and gammas.models_from = second_delta.models_from
        and gammas.models_to = second_delta.models_to
where abs(gammas.gamma - second_delta.delta_pct / first_delta.delta_pct) > 1e-9
order by place
