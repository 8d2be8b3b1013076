-- offenders: models with a size or an active size that is not positive, or active above total
with models as (
    select * from stg_models
)

select
    source_id || ' ' || model_id as place,
    'params_b is ' || coalesce(params_b::varchar, 'empty') || ', active ' || coalesce(active_params_b::varchar, 'empty') as description,
from models
where params_b <= 0 or active_params_b <= 0 or active_params_b > params_b
order by place
