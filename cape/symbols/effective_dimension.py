"""Symbols of `effective_dimension`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="d_eff_benchmarks",
        name="effective dimension of the benchmarks",
        unit="",
        definition="(sum l)^2 / sum l^2 over the eigenvalues l of the covariance or correlation matrix of the scores: "
        "1 where the benchmarks move as one, their number where they are unrelated.",
        section=f"{A} 2.3, A.2",
    ),
    Quantity(
        symbol="n_families_in_phase",
        name="families in a phase",
        unit="families",
        definition="Families with a model row in the phase.",
        section=f"{A} 2.3",
    ),
    Quantity(
        symbol="d_eff_difference",
        name="difference in effective dimension",
        unit="",
        definition="d_eff of one phase less that of another, both resampled by the same families.",
        section=f"{A} 2.3",
    ),
    Quantity(
        symbol="d_eff_equal_n",
        name="effective dimension at equal n",
        unit="",
        definition="Median d_eff of random subsets with as many models as the smaller of the two phases.",
        section=f"{A} 2.3",
    ),
    Quantity(
        symbol="principal_angle",
        name="principal angle",
        unit="degrees",
        definition="Angle between the planes of the first two components of two phases.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="transfer_diagonal",
        name="diagonal of the transfer matrix",
        unit="",
        definition="Smallest diagonal entry of T = V_b S V_a^T, V eigenvectors of two phases, S the signs that align "
        "them; 1 where no axis moved.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="transfer_off_orthogonal",
        name="departure of printed axes from right angles",
        unit="",
        definition="Frobenius norm of V^T V - I of the printed axes; zero for axes at right angles.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="lambda_2",
        name="second eigenvalue",
        unit="",
        definition="Second eigenvalue of the correlation matrix of the scores in a window of sizes.",
        section=f"{A} A.9",
    ),
    Quantity(
        symbol="lambda_2_exponent",
        name="exponent of the second eigenvalue",
        unit="",
        definition="Slope of log10 lambda_2 on log10 N.",
        section=f"{A} A.9",
    ),
    Quantity(
        symbol="lambda_2_r2",
        name="fit of the second eigenvalue",
        unit="",
        definition="R2 of log10 lambda_2 on log10 N.",
        section=f"{A} A.9",
    ),
    Quantity(
        symbol="d_eff_slope",
        name="slope of effective dimension",
        unit="per decade",
        definition="Change of d_eff per factor of ten in size, by a straight line through windows of sizes.",
        section="dashboard",
    ),
    Quantity(
        symbol="d_eff_intercept",
        name="intercept of effective dimension",
        unit="",
        definition="d_eff that the straight line on log10 N gives at N = 1.",
        section="dashboard",
    ),
    Quantity(
        symbol="N_at_d_eff_1",
        name="size where d_eff is 1",
        unit="billion parameters",
        definition="Size at which a straight line of d_eff on log10 N comes down to 1, or none.",
        section="dashboard",
    ),
    Quantity(
        symbol="N_at_det_0",
        name="size where the determinant is 0",
        unit="billion parameters",
        definition="Size at which a straight line of lambda_1 lambda_2 on log10 N comes down to 0, or none.",
        section=f"{A} A.9",
    ),
    Quantity(
        symbol="e2_loading",
        name="loading on the second axis",
        unit="",
        definition="Entry of the second eigenvector of the correlation matrix in a window of sizes; positive in the "
        "first window, signs then followed from window to window.",
        section=f"{A} A.9",
    ),
    Quantity(
        symbol="N_at_e2_zero",
        name="size where a loading changes sign",
        unit="billion parameters",
        definition="Size at which a loading on the second axis first changes sign, by straight lines between windows, "
        "or none.",
        section=f"{A} A.9",
    ),
    Quantity(
        symbol="chi_2_peak",
        name="largest susceptibility",
        unit="",
        definition="Largest 1 / lambda_2 over the windows of sizes.",
        section="dashboard",
    ),
    Quantity(
        symbol="chi_2_peak_at",
        name="size of the largest susceptibility",
        unit="billion parameters",
        definition="Mean size of the window with the largest 1 / lambda_2.",
        section="dashboard",
    ),
)
