-- one row per claim_id: what is printed, both verdicts and our number; open where nothing is wired
with claims as (
    select * from stg_claims
),

ledger as (
    select * from stg_ledger
),

lake as (
    select * from raw_lake
),

joined as (
    select
        claims.claim_id,
        claims.claim,
        claims.quantity,
        claims.source,
        coalesce(ledger.reproduced, 'open') as reproduced,
        coalesce(ledger.supported, 'open') as supported,
        claims.paper_value,
        claims.unit,
        claims.paper_ci,
        ledger.our_value,
        ledger.low,
        ledger.high,
        ledger.n,
        ledger.diagnostic,
        ledger.params,
        ledger.method,
        ledger.reason,
        coalesce(ledger.parts, claims.parts) as parts,
        claims.population as claimed_population,
        claims.method as claimed_method,
        claims.found_in,
        claims.contradiction,
        ledger.from_lake_version,
        coalesce(ledger.from_lake_version != lake.lake_version, false) as is_stale,
    from claims
    cross join lake
    left join ledger
        on claims.claim_id = ledger.claim_id
)

select * from joined
order by claim_id
