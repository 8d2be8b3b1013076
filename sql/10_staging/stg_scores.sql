-- one row per delivered score: (source_id, source_file, file_row)
with source as (
    select * from raw_scores
),

renamed as (
    select
        source_id,
        source_file,
        file_row,
        source_row,
        model_id,
        revision,
        benchmark,
        variant,
        metric,
        harness,
        harness_version,
        task_version,
        ladder,
        coalesce(axis, 'params') as axis,
        coalesce(replicate, '') as replicate,
        quality_flags,
        source_url,
        retrieved_at,
        notes,
        coalesce(unit, 'percent') as unit,
        cast(score as double) as score,
        case coalesce(unit, 'percent')
            when 'fraction' then 100 * cast(score as double)
            else cast(score as double)
        end as score_pct,
        case coalesce(unit, 'percent')
            when 'fraction' then 100 * cast(stderr as double)
            else cast(stderr as double)
        end as delivered_se_pct,
        cast(n_items as bigint) as n_items,
        cast(n_shot as bigint) as n_shot,
        cast(position as double) as position,
        is_self_reported = '1' as is_self_reported,
    from source
)

select * from renamed
