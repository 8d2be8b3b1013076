-- offenders: scores outside 0 to 100 percent
with scores as (
    select * from stg_scores
)

select
    source_id || '/' || source_file || ', row ' || file_row as place,
    model_id || ' ' || benchmark || ' is ' || score_pct as description,
from scores
where score_pct is null or score_pct < 0 or score_pct > 100
order by place
