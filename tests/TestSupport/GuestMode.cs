namespace KvmSevVmm.TestSupport;

/// <summary>The mode a tiny guest starts in.</summary>
public enum GuestMode
{
    /// <summary>Real mode.</summary>
    Real16 = 16,

    /// <summary>Flat protected mode without paging.</summary>
    Protected32 = 32,

    /// <summary>Long mode, the first 4 GiB identity-mapped with 2 MiB pages.</summary>
    Long64 = 64,
}
