-- offenders: two rows of one source with the same natural key
with scores as (
    select * from stg_scores
),

counted as (
    select
        source_id,
        model_id,
        revision,
        benchmark,
        variant,
        metric,
        n_shot,
        harness,
        harness_version,
        task_version,
        source_row,
        ladder,
        axis,
        position,
        replicate,
        count(*) as n_rows,
        string_agg(source_file || ', row ' || file_row, '; ' order by file_row) as places,
    from scores
    group by all
)

select
    source_id || '/' || places as place,
    model_id || ' ' || benchmark || ' stands ' || n_rows || ' times' as description,
from counted
where n_rows > 1
order by place
