namespace KvmSevVmm.Vmm.Sharing;

/// <summary>How sure it is that a label is right.</summary>
public enum LabelCertainty
{
    /// <summary>A guess without evidence.</summary>
    Unknown = 0,

    /// <summary>It fits what was observed.</summary>
    Likely = 1,

    /// <summary>The monitor placed it there, or the guest said so.</summary>
    Exact = 2,
}
