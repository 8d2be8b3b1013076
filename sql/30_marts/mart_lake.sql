-- one row: the version of the lake and how much it holds
with lake as (
    select * from raw_lake
),

counts as (
    select
        (select count(*) from stg_scores) as n_scores,
        (select count(*) from int_models) as n_models,
        (select count(*) from stg_sources) as n_sources,
        (select count(*) from stg_claims) as n_claims,
),

joined as (
    select
        lake.lake_version,
        lake.build_id,
        lake.code_version,
        counts.*,
    from lake
    cross join counts
)

select * from joined
