namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What the guest has told the host of a page.</summary>
public enum PageState : byte
{
    /// <summary>The guest never said anything of the page; this is not the same as private.</summary>
    Unreported = 0,

    /// <summary>The guest uses the page with the C-bit set; its content is the guest's secret.</summary>
    Private = 1,

    /// <summary>The guest uses the page with the C-bit clear; the host may read and write it.</summary>
    Shared = 2,
}
