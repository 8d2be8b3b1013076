-- offenders: models whose release date is not YYYY, YYYY-MM or YYYY-MM-DD
with models as (
    select * from stg_models
)

select
    source_id || ' ' || model_id as place,
    'release_date is ' || release_date as description,
from models
where
    release_date is not null
    and (
        not regexp_full_match(release_date, '[0-9]{4}(-[0-9]{2}){0,2}')
        or try_cast(left(release_date || '-01-01', 10) as date) is null
    )
order by place
