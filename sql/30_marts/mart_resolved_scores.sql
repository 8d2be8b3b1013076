-- one row per (model_id, benchmark_id): the score that the precedence rule picks among the sources
with ranked as (
    select * from int_score_precedence
),

picked as (
    select
        model_id,
        benchmark_id,
        source_id,
        protocol,
        score_pct,
        score_se_pct,
        source_file,
        file_row,
    from ranked
    where precedence = 1
)

select * from picked
order by model_id, benchmark_id
