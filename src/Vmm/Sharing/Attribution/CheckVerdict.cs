namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>What a look at one property of a map came to.</summary>
public enum CheckVerdict
{
    /// <summary>Looked at; nothing is wrong.</summary>
    Ok = 0,

    /// <summary>Something looks wrong.</summary>
    Found = 1,

    /// <summary>Could not be looked at; the words say what is missing.</summary>
    NotChecked = 2,
}
