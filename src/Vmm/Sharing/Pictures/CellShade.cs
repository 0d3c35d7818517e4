namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>How a cell of a picture, which stands for many pages, is drawn. One shared page is enough to be seen.</summary>
internal enum CellShade : byte
{
    /// <summary>Most pages are unreported, none is shared.</summary>
    Unreported = 0,

    /// <summary>Most pages are private, none is shared.</summary>
    Private = 1,

    /// <summary>Some pages are shared, not all.</summary>
    PartlyShared = 2,

    /// <summary>All pages are shared.</summary>
    Shared = 3,
}
