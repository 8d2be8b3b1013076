-- one row per delivered score with its rank among rivals for the same model and benchmark
-- Rule: leaderboard, then model card, then a user's source, then repository, then paper; within a kind a
-- delivered standard error first, then the newer row (its own date, else its source's), then the source name. Every
-- rival stays a row.
with scores as (
    select * from int_scores
),

sources as (
    select * from stg_sources
),

ranked as (
    select
        scores.model_id,
        scores.benchmark_id,
        scores.source_id,
        scores.source_file,
        scores.file_row,
        scores.protocol,
        scores.score_pct,
        scores.score_se_pct,
        case sources.kind
            when 'leaderboard' then 1
            when 'model_card' then 2
            when 'user' then 3
            when 'repo' then 4
            else 5
        end as source_rank,
        row_number() over (
            partition by scores.model_id, scores.benchmark_id
            order by
                case sources.kind
                    when 'leaderboard' then 1
                    when 'model_card' then 2
                    when 'user' then 3
                    when 'repo' then 4
                    else 5
                end,
                scores.se_method != 'delivered',
                coalesce(scores.retrieved_at, sources.as_of_date) desc,
                scores.source_id,
                scores.file_row
        ) as precedence,
    from scores
    inner join sources
        on scores.source_id = sources.source_id
)

select * from ranked
