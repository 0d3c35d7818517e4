namespace KvmSevVmm.Sev;

/// <summary>How a file holds a binary structure.</summary>
public enum BlobEncoding
{
    /// <summary>The bytes themselves.</summary>
    Raw = 0,

    /// <summary>Base64 text, as QEMU, libvirt and sevctl hand such structures about.</summary>
    Base64 = 1,
}
