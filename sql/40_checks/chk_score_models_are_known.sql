-- offenders: scores of a model that no source describes
with scores as (
    select * from stg_scores
),

models as (
    select * from int_models
)

select
    scores.source_id || '/' || scores.source_file || ', row ' || scores.file_row as place,
    'model_id ' || scores.model_id || ' is in no models.csv' as description,
from scores
left join models
    on scores.model_id = models.model_id
where models.model_id is null
order by place
