-- one row per frontier model_id: lab, release date and its precision, version, tier and compute tier
with releases as (
    select * from int_releases
)

select * from releases
order by lab, release_date, tier, model_id
