namespace KvmSevVmm.Cli.Commands.Secrets;

/// <summary>What a guest finds where its secret was put.</summary>
internal enum SecretFormat
{
    /// <summary>The table of GUIDs that OVMF and Linux's efi_secret read.</summary>
    Table = 0,

    /// <summary>An archive that Linux unpacks into its initramfs.</summary>
    Cpio = 1,

    /// <summary>The bytes as they are.</summary>
    Raw = 2,
}
